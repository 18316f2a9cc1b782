"""The real command line against a real server, each a process of its own."""
