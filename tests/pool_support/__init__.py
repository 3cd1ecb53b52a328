"""What the tests of the zygote need."""
