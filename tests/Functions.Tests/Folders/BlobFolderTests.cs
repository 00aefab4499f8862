using LLaDA.Batch.Functions.Folders;

namespace LLaDA.Batch.Functions.Tests.Folders;

public sealed class BlobFolderTests
{
    [Theory]
    [InlineData("a.txt", null)]
    [InlineData("a/ünï 😀.txt", null)]
    [InlineData("a\tb.txt", "has the character TAB (U+0009)")]
    [InlineData("a\nb.txt", "has the character line feed (U+000A)")]
    [InlineData("a\u0085b.txt", "has the character U+0085")]
    [InlineData("a\\b.txt", "has a backslash; folders are separated by '/'")]
    [InlineData("", "must have 1 to 900 characters")]
    [InlineData("a//b", "has an empty segment, or the segment '.' or '..'")]
    [InlineData("../b", "has an empty segment, or the segment '.' or '..'")]
    public void The_fault_of_a_name_is_named(string name, string? fault) => Assert.Equal(fault, BlobFolder.FaultOf(name));
}
