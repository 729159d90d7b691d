"""What the tests of a provider need: the contract as tests to inherit, a clock, and a crash at any step.

Strangers' tests import it; no room does. May import every room but `cli`.
"""
