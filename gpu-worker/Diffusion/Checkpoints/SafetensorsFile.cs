using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>One tensor of a safetensors file: its type, its shape and where its bytes lie.</summary>
/// <param name="Offset">In bytes from the start of the file.</param>
public sealed record TensorEntry(string Name, ScalarType Type, long[] Shape, long Offset, long NumBytes)
{
    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}

/// <summary>
/// Reads a safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes, little-endian, row by row.
/// The whole header is checked before a tensor is read: types, shapes, and that the tensors fill the file exactly, without gap or overlap.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int MaxHeaderBytes = 100_000_000;

    /// <summary>Bytes that are converted at a time, which stay in a processor's cache in between.</summary>
    private const int PieceBytes = 4 << 20;

    private const int CompareBytes = 1 << 20;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private Tensor? _piece;

    /// <exception cref="CheckpointException">The file is missing, truncated, another kind of file, or its header is not valid.</exception>
    public SafetensorsFile(string path)
    {
        _path = path;
        _file = File.Exists(path) ? File.OpenHandle(path) : throw new CheckpointException(path, "is missing");
        try
        {
            Tensors = ReadHeader();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>Reads a tensor in the type of the file.</summary>
    public Tensor Read(string name)
    {
        var entry = Tensors[name];
        var tensor = empty(entry.Shape, entry.Type);
        CopyTo(name, tensor);
        return tensor;
    }

    /// <summary>
    /// Copies a tensor's values into an existing one of the same shape, contiguous, of any type and on any device. The bytes go straight
    /// into its memory where it holds the type of the file on a CPU, and otherwise piece by piece.
    /// </summary>
    public void CopyTo(string name, Tensor destination)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var entry = Tensors[name];
        if (!entry.Shape.AsSpan().SequenceEqual(destination.shape))
        {
            throw new ArgumentException(
                $"{entry} cannot be copied into a tensor of shape [{string.Join(", ", destination.shape)}]", nameof(destination));
        }
        if (!destination.is_contiguous())
            throw new ArgumentException($"{entry} cannot be copied into a tensor that is not contiguous", nameof(destination));
        if (entry.NumBytes == 0)
            return;

        var target = destination.reshape(-1);
        if (destination.dtype == entry.Type && destination.device_type == TorchSharp.DeviceType.CPU)
            ParallelRead.Fill(target, _file, _path, entry.Offset);
        else
            Convert(entry, target);
    }

    /// <summary>Whether two tensors have the same type, shape and bytes.</summary>
    public static bool HaveEqualBytes((SafetensorsFile File, string Name) first, (SafetensorsFile File, string Name) second)
    {
        var (one, other) = (first.File.Tensors[first.Name], second.File.Tensors[second.Name]);
        if (one.Type != other.Type || !one.Shape.AsSpan().SequenceEqual(other.Shape))
            return false;
        byte[] left = new byte[Math.Min(one.NumBytes, CompareBytes)], right = new byte[left.Length];
        for (long offset = 0; offset < one.NumBytes; offset += left.Length)
        {
            int count = (int)Math.Min(left.Length, one.NumBytes - offset);
            first.File.ReadExactly(left.AsSpan(0, count), one.Offset + offset);
            second.File.ReadExactly(right.AsSpan(0, count), other.Offset + offset);
            if (!left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count)))
                return false;
        }
        return true;
    }

    public void Dispose()
    {
        _piece?.Dispose();
        _file.Dispose();
    }

    private void Convert(TensorEntry entry, Tensor target)
    {
        int elementBytes = SafetensorsTypes.Size(entry.Type), elementsOfPiece = PieceBytes / elementBytes;
        long numElements = entry.NumBytes / elementBytes;
        if (_piece is null || _piece.dtype != entry.Type)
        {
            _piece?.Dispose();
            _piece = empty(elementsOfPiece, entry.Type).DetachFromDisposeScope();
        }
        for (long element = 0; element < numElements; element += elementsOfPiece)
        {
            using var scope = NewDisposeScope();
            int count = (int)Math.Min(elementsOfPiece, numElements - element);
            var piece = _piece.narrow(0, 0, count);
            ReadExactly(piece.bytes, entry.Offset + (element * elementBytes));
            target.narrow(0, element, count).copy_(piece);
        }
    }

    private string? Foreign(long fileBytes)
    {
        byte[] start = new byte[Math.Min(fileBytes, ForeignFile.NumBytes)];
        ReadExactly(start, 0);
        return ForeignFile.Describe(start);
    }

    private Dictionary<string, TensorEntry> ReadHeader()
    {
        long fileBytes = RandomAccess.GetLength(_file);
        Span<byte> prefix = stackalloc byte[8];
        if (fileBytes < prefix.Length)
            throw new CheckpointException(_path, $"has {fileBytes} bytes and so no safetensors header");
        ReadExactly(prefix, 0);
        if (Foreign(fileBytes) is { } foreign)
            throw new CheckpointException(_path, foreign);
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerBytes > MaxHeaderBytes || (long)headerBytes > fileBytes - prefix.Length)
        {
            throw new CheckpointException(
                _path, $"claims a header of {headerBytes} bytes in a file of {fileBytes}; at most {MaxHeaderBytes} are accepted");
        }

        byte[] header = new byte[headerBytes];
        ReadExactly(header, prefix.Length);
        long dataStart = prefix.Length + (long)headerBytes;
        Dictionary<string, TensorEntry> tensors = [];
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name != "__metadata__")
                    tensors.Add(property.Name, ReadEntry(property, dataStart));
            }
        }
        catch (Exception exception) when (
            exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new CheckpointException(_path, $"has an invalid header: {exception.Message}");
        }
        RequireFullCoverage(tensors.Values, dataStart, fileBytes);
        return tensors;
    }

    private TensorEntry ReadEntry(JsonProperty property, long dataStart)
    {
        var type = SafetensorsTypes.Parse(property.Value.GetProperty("dtype").GetString())
            ?? throw new CheckpointException(
                _path, $"holds {property.Name} in type {property.Value.GetProperty("dtype")}, which is not supported");
        long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
        long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
        if (offsets is not [var begin, var end] || begin < 0 || end < begin || Array.Exists(shape, size => size < 0))
            throw new CheckpointException(_path, $"gives {property.Name} an impossible shape or place: {property.Value.GetRawText()}");

        // 128 bits: a hostile shape must not wrap around to the right size, nor strides beside a size of 0.
        Int128 Bytes(Func<long, long> sizeOf) => shape.Aggregate(
            (Int128)SafetensorsTypes.Size(type), (product, size) => Int128.Min(product * sizeOf(size), Int128.MaxValue >> 64));
        if (Bytes(size => Math.Max(size, 1)) >= long.MaxValue)
            throw new CheckpointException(_path, $"gives {property.Name} the impossible shape [{string.Join(", ", shape)}]");
        var expected = Bytes(size => size);
        if (expected != end - begin)
            throw new CheckpointException(_path, $"gives {property.Name} {end - begin} bytes where its type and shape need {expected}");
        return new TensorEntry(property.Name, type, shape, dataStart + begin, end - begin);
    }

    private void RequireFullCoverage(IEnumerable<TensorEntry> tensors, long dataStart, long fileBytes)
    {
        long position = dataStart;
        foreach (var entry in tensors.OrderBy(entry => entry.Offset).ThenBy(entry => entry.NumBytes))
        {
            if (entry.Offset != position)
                throw new CheckpointException(_path, $"leaves a gap or an overlap before {entry.Name}");
            position += entry.NumBytes;
        }
        if (position != fileBytes)
        {
            throw new CheckpointException(
                _path, $"has {fileBytes} bytes where its header describes {position}: it was truncated or something was appended");
        }
    }

    private void ReadExactly(Span<byte> destination, long offset) => ParallelRead.Exactly(_file, _path, destination, offset);
}
