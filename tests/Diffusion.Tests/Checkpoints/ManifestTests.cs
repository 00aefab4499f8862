using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class ManifestTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ManifestTests() => File.WriteAllText(_folder.File("a.txt"), "abc");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_are_listed_with_their_sizes_and_hashes()
    {
        Assert.False(Manifest.IsIn(_folder.Path));
        Manifest.Write(_folder.Path);
        Manifest.Write(_folder.Path);

        Assert.True(Manifest.IsIn(_folder.Path));
        Assert.Equal(["a.txt", "manifest.json"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
        Assert.Equal(
            """
            {
              "files": {
                "a.txt": {
                  "bytes": 3,
                  "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                }
              }
            }
            """, File.ReadAllText(_folder.File("manifest.json")), ignoreLineEndingDifferences: true);
        Manifest.Verify(_folder.Path);
    }

    [Theory]
    [InlineData("abd")]
    [InlineData("abcd")]
    [InlineData("")]
    public void Changed_file_is_damaged(string text)
    {
        Manifest.Write(_folder.Path);
        File.WriteAllText(_folder.File("a.txt"), text);

        Assert.StartsWith($"{_folder.File("a.txt")} is damaged", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"files\": {\"a.txt\": null}}")]
    [InlineData("{\"files\": {\"sub/a.txt\": {\"bytes\": 3, \"sha256\": \"\"}}}")]
    [InlineData("{\"files\": {\"a.txt\": {\"bytes\": 3, \"sha256\": \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}, \"/a.txt\": {\"bytes\": 3, \"sha256\": \"\"}}}")]
    public void List_that_names_no_files_of_the_folder_is_refused(string manifest)
    {
        File.WriteAllText(_folder.File("manifest.json"), manifest);

        Assert.Equal($"{_folder.File("manifest.json")} is not a list of files", Refusal());
    }

    private string Refusal() => Assert.Throws<CheckpointException>(() => Manifest.Verify(_folder.Path)).Message;
}
