"""Real clients against a real server, each in an environment that holds nothing but our address and credentials."""
