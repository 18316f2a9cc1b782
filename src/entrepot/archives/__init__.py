"""What packages are packed in, read as hostile input: nothing is extracted, nothing is believed unchecked."""
