"""What is inside: SBOMs read, written and compared, licences, and what packages and images are made of. Pure."""
