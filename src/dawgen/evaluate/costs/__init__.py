"""`dawgen analyze cost`: what every kind of generator takes, side by side."""
