"""What a person must see to. Owns rules, latching, acknowledgement, the ways out; reads the store, knows no device."""
