"""The tests: one file a module, and the flows across them."""
