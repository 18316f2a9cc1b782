"""What happens to a real server: killed, starved of disk, cut off, crowded, and lied to by its disk."""
