using System.Text;

namespace LLaDA.Diffusion;

/// <summary>Files that often lie where a model's file should be, by how they begin.</summary>
internal static class ForeignFile
{
    /// <summary>As many bytes as tell them apart.</summary>
    public const int NumBytes = 64;

    private static readonly (string Start, string Sentence)[] s_kinds =
    [
        ("version https://git-lfs.github.com/spec/", "is a Git LFS pointer, not the file itself: run 'git lfs pull' in its folder"),
        ("<!doctype", "is a web page, not the file itself: download it again by its direct address"),
        ("<html", "is a web page, not the file itself: download it again by its direct address"),
        ("PK\u0003\u0004", "is a zip or PyTorch archive, which may hold code; only safetensors are read"),
    ];

    /// <param name="start">The file's beginning.</param>
    /// <returns>What it is and the remedy, to follow the file's name; null where it is none of these.</returns>
    public static string? Describe(string start)
    {
        string trimmed = start.TrimStart('\uFEFF', ' ', '\r', '\n', '\t');
        return Array.Find(s_kinds, kind => trimmed.StartsWith(kind.Start, StringComparison.OrdinalIgnoreCase)).Sentence;
    }

    /// <param name="start">The file's first bytes.</param>
    public static string? Describe(ReadOnlySpan<byte> start) => Describe(Encoding.Latin1.GetString(start));
}
