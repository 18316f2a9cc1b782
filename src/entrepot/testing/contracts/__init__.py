"""The ports' specifications: a driver's tests inherit them, and provide the fixtures that they name."""
