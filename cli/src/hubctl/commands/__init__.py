"""One module a noun; ``hubctl.app`` lists them."""
