using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class TextDocumentsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-text-").FullName;

    [Fact]
    public void A_folder_is_read_in_the_order_of_its_names_lines_one_by_one_and_text_files_whole()
    {
        Write("b.txt", "one\ntwo\n");
        Write("a.jsonl", "{\"text\": \"first\"}\n\n{\"text\": \"second\", \"more\": 1}\n");
        Write("c.bin", "not text");

        Assert.Equal(["first", "second", "one\ntwo\n"], TextDocuments.Read(_folder));
    }

    [Theory]
    [InlineData("{\"text\": 3}")]
    [InlineData("{\"words\": \"none\"}")]
    [InlineData("[]")]
    [InlineData("{\"text\": \"cut")]
    [InlineData("null")]
    public void A_bad_line_is_named_by_its_number(string line)
    {
        Write("a.jsonl", $"{{\"text\": \"first\"}}\n\n{line}\n");

        Assert.StartsWith(
            "line 3: ",
            Assert.Single(Assert.Throws<TrainingDataException>(() => TextDocuments.Read(Path.Combine(_folder, "a.jsonl")).Count()).Faults),
            StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);
}
