"""IS IT KNOWN TO BE BAD? Advisories, the versions they mean, exceptions to them, secrets: pure functions of what was read."""
