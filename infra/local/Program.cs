return await LLaDA.Batch.Local.CommandLine.RunAsync(args);
