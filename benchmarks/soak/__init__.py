"""The service and `dawgen predict` for long: load, kills, signals, many rows. Each is a command of its own."""
