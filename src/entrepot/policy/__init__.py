"""May it? Policies in CEL over typed facts: pure, bounded, and never a yes by mistake.

- `facts`: all that a policy can ask, in one table.
- `bounds`: what is refused because it could take too long.
- `engine`: CEL, compiled when a policy is saved and evaluated within bounds.
- `rules`: policies, where each applies, and the decision with its reasons.
- `defaults`: the policies that hold until somebody changes them.
"""
