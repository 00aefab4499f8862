using System.Text;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Cli.Requests;

/// <summary>A text and where its name stands among others, such as <c>letters/one.txt</c>.</summary>
internal sealed record Document(string Name, string Text)
{
    public bool HasGap => GapText.Parse(Text).Gaps.Count > 0;
}

/// <summary>Reads texts on this machine exactly: what is no UTF-8 is refused, so that everything outside of gaps stays as it is.</summary>
internal static class Documents
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly EnumerationOptions s_visibleFiles = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint,
    };

    /// <exception cref="OperatorException">There is no such file, or it is no text.</exception>
    public static Document ReadFile(string path) => File.Exists(path)
        ? new Document(Path.GetFileName(path), TextOf(path, File.ReadAllBytes(path)))
        : throw new OperatorException(
            Directory.Exists(path)
                ? $"{path} is a folder: 'llada batches run {path} -o FOLDER' fills its texts"
                : $"There is no file {path}",
            Directory.Exists(path) ? ExitCodes.Usage : ExitCodes.NotFound);

    /// <summary>The visible files of a folder and of the folders in it, by name, one at a time.</summary>
    /// <inheritdoc cref="ReadFile"/>
    public static IEnumerable<Document> ReadFolder(string folder) => Directory.EnumerateFiles(folder, "*", s_visibleFiles)
        .Order(StringComparer.Ordinal)
        .Select(path => new Document(
            Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/'), TextOf(path, File.ReadAllBytes(path))));

    /// <summary>The standard input.</summary>
    /// <inheritdoc cref="ReadFile"/>
    public static Document ReadInput()
    {
        using var content = new MemoryStream();
        using var input = Console.OpenStandardInput();
        input.CopyTo(content);
        return new Document("-", TextOf("The input", content.ToArray()));
    }

    private static string TextOf(string subject, byte[] content)
    {
        try
        {
            return s_strict.GetString(content);
        }
        catch (DecoderFallbackException)
        {
            throw new OperatorException($"{subject} is no text in UTF-8");
        }
    }
}
