"""Work of single compilations on small modules, for the tests of the compile cache."""
