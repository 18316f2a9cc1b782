"""What a container's image is made of, by looking into its layers: no package manager is asked, and nothing is run."""
