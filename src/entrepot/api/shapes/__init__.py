"""What the management API reads and writes, as shapes of JSON, a module for each topic.

Digests are text, times RFC 3339 in UTC, positions and sizes whole numbers.
A shape that clients send refuses fields that it does not know, so that a misspelt one is not silently left out.
"""
