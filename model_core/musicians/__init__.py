"""The models behind one interface: an event curve and a prompt in, sound out."""
