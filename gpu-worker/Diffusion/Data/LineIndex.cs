using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace LLaDA.Diffusion.Data;

/// <summary>Where the lines of a file lie, so that any one is read without holding the others. Blank lines are passed over.</summary>
internal sealed class LineIndex : IDisposable
{
    private const int BufferBytes = 1 << 16;
    private const byte NewLine = (byte)'\n';

    private readonly SafeFileHandle _file;
    private readonly List<(int Number, long Offset, int NumBytes)> _lines = [];

    /// <exception cref="TrainingDataException">A line has two gigabytes or more.</exception>
    public LineIndex(string path)
    {
        _file = File.OpenHandle(path, options: FileOptions.RandomAccess);
        try
        {
            Hash = Scan(path);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public int Count => _lines.Count;

    /// <summary>Of the whole file.</summary>
    public ulong Hash { get; }

    /// <summary>The line's number in the file, from 1 on.</summary>
    public int Number(int line) => _lines[line].Number;

    public byte[] Read(int line)
    {
        var (_, offset, numBytes) = _lines[line];
        byte[] bytes = new byte[numBytes];
        for (int filled = 0; filled < numBytes;)
        {
            int read = RandomAccess.Read(_file, bytes.AsSpan(filled), offset + filled);
            filled += read > 0
                ? read
                : throw new EndOfStreamException($"line {Number(line)} is missing: the file was truncated while it was in use");
        }
        return bytes;
    }

    public void Dispose() => _file.Dispose();

    private ulong Scan(string path)
    {
        var hash = new XxHash64();
        byte[] buffer = new byte[BufferBytes];
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        long position = 0, lineStart = 0;
        int number = 1;
        bool isBlank = true;
        int markBytes = 0;      // of a byte order mark, which is blank at the start of a line
        void EndLine(long end)
        {
            if (end - lineStart > Array.MaxLength)
                throw new TrainingDataException(path, [$"line {number} has {end - lineStart} bytes"]);
            if (!isBlank)
                _lines.Add((number, lineStart, (int)(end - lineStart)));
            (number, lineStart, isBlank, markBytes) = (number + 1, end + 1, true, 0);
        }

        for (int read; (read = RandomAccess.Read(_file, buffer, position)) > 0; position += read)
        {
            var piece = buffer.AsSpan(0, read);
            hash.Append(piece);
            for (int index = 0; index < read; index++)
            {
                if (piece[index] == NewLine)
                    EndLine(position + index);
                else if (markBytes < byteOrderMark.Length && position + index == lineStart + markBytes
                    && piece[index] == byteOrderMark[markBytes])
                    markBytes++;
                else if (piece[index] is not ((byte)' ' or (byte)'\t' or (byte)'\r'))
                    isBlank = false;
            }
        }
        EndLine(position);
        return hash.GetCurrentHashAsUInt64();
    }
}
