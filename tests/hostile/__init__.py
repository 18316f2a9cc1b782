"""Whatever a client may send: the answer is an error in the protocol's form, and nothing has happened."""
