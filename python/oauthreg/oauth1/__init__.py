"""OAuth 1.0a without input and output: where the protocol parameters go, and the three legs as flows."""
