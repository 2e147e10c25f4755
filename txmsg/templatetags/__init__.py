"""What our versions of unfold's own pieces of pages ask for."""
