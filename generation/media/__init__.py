"""Files by their content: what they are, what is in them, how long they last, and those customers bring."""
