"""gaussgrad spots: its commands, one file each."""
