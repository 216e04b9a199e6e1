"""TimbreSynth and its model: tables, instruments beside fluidsynth, songs, pictures, live."""
