"""How much a load needs, and what it would do: from measured coefficients, without running a stack."""
