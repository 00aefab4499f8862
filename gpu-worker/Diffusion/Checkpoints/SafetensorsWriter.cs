using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>Writes tensors as one safetensors file; the file appears under its name only when it is whole.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;
    private const long PieceBytes = 64L << 20;

    /// <param name="path">An existing file is replaced.</param>
    /// <param name="tensors">Written in this order; names must differ.</param>
    /// <param name="type">Converts tensors on the way; null keeps each one's own type.</param>
    /// <param name="keepsType">Names of tensors that keep their own type all the same; null for none.</param>
    public static void Write(
        string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, ScalarType? type = null, Func<string, bool>? keepsType = null)
    {
        ScalarType TypeOf(string name, Tensor tensor) => type is { } given && keepsType?.Invoke(name) != true ? given : tensor.dtype;
        string temporary = path + ".partial";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20))
        {
            file.Write(Header(tensors, TypeOf));
            foreach (var (name, tensor) in tensors)
                WriteValues(file, tensor, TypeOf(name, tensor));
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] Header(IReadOnlyList<(string Name, Tensor Tensor)> tensors, Func<string, Tensor, ScalarType> typeOf)
    {
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long position = 0;
        foreach (var (name, tensor) in tensors)
        {
            var written = typeOf(name, tensor);
            long end = position + (tensor.numel() * SafetensorsTypes.Size(written));
            header.Add(name, new JsonObject
            {
                ["dtype"] = SafetensorsTypes.Name(written),
                ["shape"] = new JsonArray([.. tensor.shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(position, end),
            });
            position = end;
        }

        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        int padded = (json.Length + Alignment - 1) / Alignment * Alignment;
        byte[] bytes = new byte[8 + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)padded);
        json.CopyTo(bytes, 8);
        bytes.AsSpan(8 + json.Length).Fill((byte)' ');
        return bytes;
    }

    private static void WriteValues(FileStream file, Tensor tensor, ScalarType type)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var flat = tensor.detach().reshape(-1);
        long elementsOfPiece = PieceBytes / SafetensorsTypes.Size(type);
        for (long start = 0; start < flat.numel(); start += elementsOfPiece)
        {
            using var pieceScope = NewDisposeScope();
            long count = Math.Min(elementsOfPiece, flat.numel() - start);
            file.Write(flat.narrow(0, start, count).to(type).cpu().contiguous().bytes);
        }
    }
}
