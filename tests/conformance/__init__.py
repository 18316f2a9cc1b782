"""Official suites, run whole against a real server with authentication on."""
