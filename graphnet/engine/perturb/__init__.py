"""Many runs in one: how a result answers when single entries of an array move, whatever computes it."""
