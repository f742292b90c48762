package mdstream.engine;

import java.io.Serializable;

/** Names of the topics that the engine writes to. */
public record Topics(String bars, String indicators, String anomalies) implements Serializable {}
