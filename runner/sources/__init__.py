"""Sources: how a model of each kind is made to lie on this machine."""
