using System.IO.Hashing;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Documents packed end to end, each between a beginning and an end of text, in a file that is mapped into memory, so it may be larger than
/// memory. After a header of 16 bytes (a name of 8, the vocabulary's number of tokens and zero) each token takes 4 bytes, all in
/// little-endian order.
/// </summary>
public sealed class TokenFile : IDisposable
{
    private const int HeaderBytes = 16, BufferTokens = 1 << 14;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private TokenFile(MemoryMappedFile file, long headerBytes, long count)
    {
        (_file, Start, Count) = (file, headerBytes, count);
        _view = file.CreateViewAccessor(0, headerBytes + (count * sizeof(int)), MemoryMappedFileAccess.Read);
        Hash = HashTokens();
    }

    /// <summary>Tokens.</summary>
    public long Count { get; }

    /// <summary>Of all tokens.</summary>
    public ulong Hash { get; }

    private static ReadOnlySpan<byte> Name => "LLaDA-TK"u8;

    private long Start { get; }

    /// <summary>Tokens that are in memory already.</summary>
    public static TokenFile Of(ReadOnlySpan<int> tokens)
    {
        var file = MemoryMappedFile.CreateNew(null, Math.Max(1, tokens.Length) * sizeof(int));
        using (var view = file.CreateViewAccessor())
            view.SafeMemoryMappedViewHandle.WriteSpan(0, tokens);
        return new TokenFile(file, 0, tokens.Length);
    }

    /// <param name="path">As <see cref="Write"/> left it.</param>
    /// <param name="numTokens">Of the vocabulary that is to read it.</param>
    /// <exception cref="TrainingDataException">The file is none of packed tokens, was cut, or holds another vocabulary's.</exception>
    public static TokenFile Open(string path, int numTokens)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        long numBytes = ReadHeader(path, header) - HeaderBytes;
        if (!header.StartsWith(Name) || numBytes <= 0 || numBytes % sizeof(int) != 0)
            throw new TrainingDataException(path, ["is not a whole file of packed tokens"]);
        int written = MemoryMarshal.Read<int>(header[Name.Length..]);
        if (written != numTokens)
            throw new TrainingDataException(path, [$"was packed with a vocabulary of {written} tokens, not of {numTokens}"]);
        var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, 0, MemoryMappedFileAccess.Read);
        return new TokenFile(file, HeaderBytes, numBytes / sizeof(int));
    }

    /// <summary>Whether a file begins as one of packed tokens.</summary>
    public static bool IsPacked(string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        ReadHeader(path, header);
        return header.StartsWith(Name);
    }

    /// <summary>Packs documents into a file, which appears only when it is whole.</summary>
    /// <returns>Tokens written.</returns>
    public static long Write(string path, LLaDATokenizer tokenizer, IEnumerable<string> documents)
    {
        string partial = path + ".partial";
        long count = 0;
        using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
        {
            Span<byte> header = stackalloc byte[HeaderBytes];
            header.Clear();
            Name.CopyTo(header);
            MemoryMarshal.Write(header[Name.Length..], tokenizer.NumTokens);
            stream.Write(header);
            foreach (int token in Encode(tokenizer, documents))
            {
                stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in token)));
                count++;
            }
        }
        File.Move(partial, path, overwrite: true);
        return count;
    }

    /// <summary>The packed tokens of documents, one by one.</summary>
    public static IEnumerable<int> Encode(LLaDATokenizer tokenizer, IEnumerable<string> documents)
    {
        foreach (string document in documents)
        {
            foreach (int token in tokenizer.BeginningOfText.Concat(tokenizer.Encode(document)))
                yield return token;
            yield return tokenizer.EndOfTextId;
        }
    }

    /// <param name="start">The first token to read; all of <paramref name="into"/> must lie inside.</param>
    public void Read(long start, Span<int> into)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + into.Length, Count, nameof(start));
        _view.SafeMemoryMappedViewHandle.ReadSpan((ulong)(Start + (start * sizeof(int))), into);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    /// <returns>Bytes of the file.</returns>
    private static long ReadHeader(string path, Span<byte> header)
    {
        using var stream = File.OpenRead(path);
        int read = stream.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        header[read..].Clear();
        return stream.Length;
    }

    private ulong HashTokens()
    {
        var hash = new XxHash64();
        int[] buffer = new int[BufferTokens];
        for (long start = 0; start < Count; start += BufferTokens)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(BufferTokens, Count - start));
            Read(start, piece);
            hash.Append(MemoryMarshal.AsBytes(piece));
        }
        return hash.GetCurrentHashAsUInt64();
    }
}
