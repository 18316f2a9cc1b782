"""HTTP, once: what every protocol needs of it, so that formats say only what is theirs."""
