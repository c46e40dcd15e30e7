"""The page to play with: static files that any web server can hold, and a small server of our own."""
