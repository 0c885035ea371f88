"""Tests of nodeops: `unit` mirrors the package, `contract` holds the house rules, `lab` needs real Docker hosts."""
