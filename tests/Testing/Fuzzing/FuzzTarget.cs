namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>A reader of input from outside, and inputs to begin with.</summary>
/// <param name="Seeds">Good inputs, which are mutated.</param>
/// <param name="Read">Reads an input. It returns, or throws what <paramref name="IsSentence"/> accepts.</param>
/// <param name="IsSentence">Whether an exception is the reader's own way to say what is wrong.</param>
public sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Seeds, Action<byte[]> Read, Func<Exception, bool> IsSentence)
{
    /// <summary>Texts that mean something to the reader, put into inputs.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Bytes that an input may allocate on the reading thread, whatever it holds.</summary>
    public long FixedBytes { get; init; } = 8 << 20;

    /// <summary>Bytes that it may allocate for each byte of its own.</summary>
    public long BytesPerByte { get; init; } = 2_000;

    /// <summary>How a JSON text lies in an input; null where the input is that text.</summary>
    public JsonFrame? Frame { get; init; }
}

/// <summary>A JSON text inside of a file.</summary>
/// <param name="Find">The place of the text; null where there is none.</param>
/// <param name="Replace">The file with another text.</param>
public sealed record JsonFrame(Func<byte[], Range?> Find, Func<byte[], byte[], byte[]> Replace);
