"""What a method leaves for later, beside soft prompts: fitted probes."""
