using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class SafetensorsFaultTests
{
    private const string Entry = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";

    /// <summary>Header, bytes behind it, and what the refusal says.</summary>
    public static TheoryData<string, int, string> WrongHeaders => new()
    {
        { "not json", 8, "invalid header" },
        { """{"t":""", 8, "invalid header" },
        { "[]", 8, "invalid header" },
        { """{"t":7}""", 8, "invalid header" },
        { $$"""{"t":{{Entry}},"t":{{Entry}}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"shape":[2],"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","shape":[2]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","shape":[2.5],"data_offsets":[0,10]}}""", 10, "invalid header" },
        { """{"t":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F32","shape":[[[[[[[[[[2]]]]]]]]]],"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", 8, "invalid header" },
        { """{"t":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", 8, "holds t in type F8_E4M3, which is not supported" },
        { """{"t":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, "holds t in type f32, which is not supported" },
        { """{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "gives t an impossible shape or place" },
        { """{"t":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", 8, "gives t an impossible shape or place" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "gives t an impossible shape or place" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "gives t an impossible shape or place" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "gives t an impossible shape or place" },
        { """{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "gives t 8 bytes where its type and shape need 12" },
        { """{"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "gives t the impossible shape" },
        {
            """{"t":{"dtype":"F32","shape":[4294967296,4294967296,4294967296,4294967296],"data_offsets":[0,0]}}""",
            0,
            "gives t the impossible shape"
        },
        {
            """{"t":{"dtype":"F32","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}""",
            0,
            "gap or an overlap before t"
        },
        { $$"""{"a":{{Entry}},"b":{{Entry}}}""", 8, "gap or an overlap before b" },
        { $$$"""{"a":{{{Entry}}},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "gap or an overlap before b" },
        { $$$"""{"a":{{{Entry}}},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "gap or an overlap before b" },
        { """{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "gap or an overlap before t" },
        { $$"""{"t":{{Entry}}}""", 7, "it was truncated or something was appended" },
        { $$"""{"t":{{Entry}}}""", 9, "it was truncated or something was appended" },
        { "{}", 1, "it was truncated or something was appended" },
    };

    [Theory]
    [MemberData(nameof(WrongHeaders))]
    public void Wrong_header_is_refused_by_name_before_a_tensor_is_made(string header, int numDataBytes, string fault)
    {
        using var folder = new TemporaryFolder();
        string path = RawSafetensors.Write(folder, header, numDataBytes);
        long made = LiveTensors.NumMade;

        var exception = Assert.Throws<CheckpointException>(() => new SafetensorsFile(path));

        Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
        Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
        Assert.Equal(made, LiveTensors.NumMade);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData(100_000_001UL)]
    [InlineData(64UL)]
    public void Absurd_header_length_is_refused_without_reading_as_much(ulong claimed)
    {
        using var folder = new TemporaryFolder();
        string path = RawSafetensors.Write(folder, "{}", 0, claimed);

        var exception = Assert.Throws<CheckpointException>(() => new SafetensorsFile(path));

        Assert.Contains($"claims a header of {claimed} bytes in a file of 10", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void File_without_a_header_is_refused(int numBytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("short"), new byte[numBytes]);

        var exception = Assert.Throws<CheckpointException>(() => new SafetensorsFile(folder.File("short")));

        Assert.Contains($"has {numBytes} bytes", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_file_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();

        var exception = Assert.Throws<CheckpointException>(() => new SafetensorsFile(folder.File("nowhere")));

        Assert.Equal($"{folder.File("nowhere")} is missing", exception.Message);
    }

    [Fact]
    public void Refused_file_is_closed()
    {
        using var folder = new TemporaryFolder();
        string path = RawSafetensors.Write(folder, "not json", 0);

        Assert.Throws<CheckpointException>(() => new SafetensorsFile(path));

        using var alone = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.True(alone.CanWrite);
    }
}
