"""What to say: templates, messages and versions, and how a context becomes one."""
