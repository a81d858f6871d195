"""Tests of the compact student."""
