using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The tensor types of the safetensors format that this library reads and writes.</summary>
internal static class SafetensorsTypes
{
    private static readonly (string Name, ScalarType Type, int Size)[] s_types =
    [
        ("F64", ScalarType.Float64, 8),
        ("F32", ScalarType.Float32, 4),
        ("F16", ScalarType.Float16, 2),
        ("BF16", ScalarType.BFloat16, 2),
        ("I64", ScalarType.Int64, 8),
        ("I32", ScalarType.Int32, 4),
        ("U8", ScalarType.Byte, 1),
        ("BOOL", ScalarType.Bool, 1),
    ];

    public static ScalarType? Parse(string? name) =>
        Array.FindIndex(s_types, type => type.Name == name) is var index and >= 0 ? s_types[index].Type : null;

    public static string Name(ScalarType type) => Find(type).Name;

    public static int Size(ScalarType type) => Find(type).Size;

    /// <summary>Whether weights may have the type.</summary>
    public static bool IsFloat(ScalarType type) => type is ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16;

    private static (string Name, ScalarType Type, int Size) Find(ScalarType type) =>
        Array.Find(s_types, known => known.Type == type) is { Name: not null } found
            ? found
            : throw new ArgumentOutOfRangeException(nameof(type), type, "has no name in the safetensors format here");
}
