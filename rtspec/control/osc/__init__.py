"""OSC over UDP: the server, datagrams, address patterns."""
