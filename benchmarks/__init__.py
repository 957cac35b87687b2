"""What dawgen takes: `speed`, side by side with what a user would run instead (`python -m benchmarks`), and `soak`, the
service and `dawgen predict` under load, kills and a million rows."""
