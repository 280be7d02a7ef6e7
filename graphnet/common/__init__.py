"""What every other part writes with."""
