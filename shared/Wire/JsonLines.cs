using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>A line of a JSON Lines file.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="Bytes">Without its line end; null when the line is longer than allowed.</param>
public readonly record struct TextLine(int Number, byte[]? Bytes);

/// <summary>
/// Reads a file line by line without holding more than one; byte order marks, carriage returns and blank lines are no content. Files
/// that were joined carry a mark at the start of each, so every line may begin with one.
/// </summary>
public static class JsonLines
{
    public static async IAsyncEnumerable<TextLine> ReadAsync(
        Stream stream, int maxLineBytes, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16));
        int number = 0;
        bool isTooLong = false, isEnd = false;
        while (!isEnd)
        {
            var read = await pipe.ReadAsync(cancellation);
            var buffer = read.Buffer;
            isEnd = read.IsCompleted;
            while (NextLine(ref buffer, isEnd) is { } line)
            {
                number++;
                if (isTooLong || line.Length > maxLineBytes)
                    yield return new TextLine(number, null);
                else if (Trimmed(line) is { Length: > 0 } bytes)
                    yield return new TextLine(number, bytes);
                isTooLong = false;
            }
            if (buffer.Length > maxLineBytes)
            {
                isTooLong = true;   // drop what has come of it and wait for its end
                buffer = buffer.Slice(buffer.End);
            }
            pipe.AdvanceTo(buffer.Start, buffer.End);
        }
        if (isTooLong)
            yield return new TextLine(number + 1, null);    // the end of the file was the end of the line
    }

    private static ReadOnlySequence<byte>? NextLine(ref ReadOnlySequence<byte> buffer, bool isEnd)
    {
        if (buffer.PositionOf((byte)'\n') is { } end)
        {
            var line = buffer.Slice(0, end);
            buffer = buffer.Slice(buffer.GetPosition(1, end));
            return line;
        }
        if (!isEnd || buffer.IsEmpty)
            return null;
        var last = buffer;
        buffer = buffer.Slice(buffer.End);
        return last;
    }

    private static byte[] Trimmed(ReadOnlySequence<byte> line)
    {
        byte[] bytes = line.ToArray();
        var content = bytes.AsSpan();
        if (content.StartsWith(ByteOrderMark.Utf8))
            content = content[ByteOrderMark.Utf8.Length..];
        content = content.Trim(" \t\r"u8);
        return content.Length == bytes.Length ? bytes : content.ToArray();
    }
}
